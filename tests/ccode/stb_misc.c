/* libstb-dev: text with floating point, noise, a lexer, packing, textures. */
#define STB_SPRINTF_IMPLEMENTATION
#include <stb/stb_sprintf.h>
#define STB_PERLIN_IMPLEMENTATION
#include <stb/stb_perlin.h>
#define STB_C_LEXER_IMPLEMENTATION
#include <stb/stb_c_lexer.h>
#define STB_RECT_PACK_IMPLEMENTATION
#include <stb/stb_rect_pack.h>
#define STB_DXT_IMPLEMENTATION
#include <stb/stb_dxt.h>

#include <stdio.h>
#include <string.h>

#include "ccode.h"

CCODE(stb_sprintf_prints_floating_point)
{
	static const double x[] = {
		0.0,	       1.0 / 3,		 3.14159265358979,
		6.02214076e23, -1.602176634e-19, 1e308};
	char text[2000], *at = text;

	for (int i = 0; i < 6; i++)
		at += stbsp_sprintf(at, "%f %e %g %.3f %d %x %s|", x[i], x[i],
				    x[i], x[i], i * 1000003, i * 77, "word");
	digest("stb_sprintf", text, (size_t)(at - text));
	/* The C library's, on the same: both exact to these digits. */
	snprintf(text, sizeof(text), "%.6f %.4e %g", x[1], x[3], 0.25);
	EXPECT(!strcmp(text, "0.333333 6.0221e+23 0.25"));
}

CCODE(stb_perlin_makes_noise)
{
	float *noise = malloc(64 * 64 * sizeof(float));

	REQUIRE(noise);
	for (int i = 0; i < 64 * 64; i++)
		noise[i] = stb_perlin_fbm_noise3((float)(i % 64) / 9,
						 (float)(i / 64) / 7, 0.5f,
						 2.0f, 0.5f, 5);
	digest("stb_perlin", noise, 64 * 64 * sizeof(float));
	free(noise);
}

CCODE(stb_c_lexer_lexes)
{
	static const char text[] = "int f(void) { /* 1 */ return 0x2a + 2.5; } "
				   "// end\n\"string\\n\" 'c' a->b <<= 3";
	char store[256];
	int token[64], n = 0;
	stb_lexer lexer;

	stb_c_lexer_init(&lexer, text, text + strlen(text), store,
			 sizeof(store));
	while (n < 64 && stb_c_lexer_get_token(&lexer))
		token[n++] = (int)lexer.token;
	EXPECT(n > 15);
	digest("stb_c_lexer", token, (size_t)n * sizeof(*token));
}

static bool overlap(const stbrp_rect *a, const stbrp_rect *b)
{
	return a->x < b->x + b->w && b->x < a->x + a->w && a->y < b->y + b->h &&
	       b->y < a->y + a->h;
}

/* Where each one comes to lie depends on the C library's qsort. */
CCODE(stb_rect_pack_packs)
{
	enum { RECTS = 400, SIDE = 512 };
	stbrp_node *nodes = malloc(SIDE * sizeof(*nodes));
	stbrp_rect *r = calloc(RECTS, sizeof(*r));
	stbrp_context context;
	uint32_t seed = 10;

	REQUIRE(nodes && r);
	for (int i = 0; i < RECTS; i++) {
		r[i].id = i;
		r[i].w = (stbrp_coord)(next(&seed) % 30 + 1);
		r[i].h = (stbrp_coord)(next(&seed) % 30 + 1);
	}
	stbrp_init_target(&context, SIDE, SIDE, nodes, SIDE);
	EXPECT(stbrp_pack_rects(&context, r, RECTS));
	for (int i = 0; i < RECTS; i++) {
		EXPECT(r[i].was_packed && r[i].x + r[i].w <= SIDE);
		for (int j = 0; j < i; j++)
			EXPECT(!overlap(&r[i], &r[j]));
	}
	free(r);
	free(nodes);
}

CCODE(stb_dxt_compresses)
{
	uint8_t out[16], in[64];
	uint32_t seed = 11;

	for (int i = 0; i < 64; i++)
		in[i] = (uint8_t)next(&seed);
	stb_compress_dxt_block(out, in, 1, STB_DXT_HIGHQUAL);
	digest("stb_dxt", out, sizeof(out));
}
