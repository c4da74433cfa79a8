/* libstb-dev: pictures, written in several formats and read again. */
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STBI_WRITE_NO_STDIO
#include <stb/stb_image_write.h>
#define STB_IMAGE_IMPLEMENTATION
#define STBI_NO_STDIO
#include <stb/stb_image.h>
#define STB_IMAGE_RESIZE_IMPLEMENTATION
#include <stb/stb_image_resize.h>

#include "ccode.h"

enum { W = 123, H = 77, N = 3 };

struct file {
	uint8_t *data;
	size_t n;
};

static void append(void *ctx, void *data, int size)
{
	struct file *f = ctx;
	uint8_t *more = realloc(f->data, f->n + (size_t)size);

	REQUIRE(more);
	f->data = more;
	memcpy(f->data + f->n, data, (size_t)size);
	f->n += (size_t)size;
}

/* Smooth, with an edge and some noise. */
static uint8_t *picture(void)
{
	uint8_t *p = malloc(W * H * N);
	uint32_t seed = 9;

	for (int i = 0; p && i < W * H * N; i++) {
		int x = i / N % W, y = i / N / W;

		p[i] = (uint8_t)(x + y * (i % N) + (x > y ? 60 : 0) +
				 (int)(next(&seed) % 4));
	}
	return p;
}

/* Read it back; the largest difference of any byte. */
static int difference(const struct file *f, const uint8_t *want)
{
	int w, h, n, most = 0;
	uint8_t *got = stbi_load_from_memory(f->data, (int)f->n, &w, &h, &n, N);

	if (!got || w != W || h != H || n != N)
		most = 256;
	for (int i = 0; most < 256 && i < W * H * N; i++) {
		int d = abs(got[i] - want[i]);

		most = d > most ? d : most;
	}
	if (got && most)
		digest("stb_image.decoded", got, W * H * N);
	stbi_image_free(got);
	return most;
}

CCODE(stb_image_png_bmp_and_tga_come_back)
{
	uint8_t *p = picture();
	struct file f = {NULL, 0};

	REQUIRE(p);
	EXPECT(stbi_write_png_to_func(append, &f, W, H, N, p, W * N));
	EXPECT_EQ(difference(&f, p), 0);
	digest("stb_image.png", f.data, f.n);
	f.n = 0;
	EXPECT(stbi_write_bmp_to_func(append, &f, W, H, N, p));
	EXPECT_EQ(difference(&f, p), 0);
	f.n = 0;
	EXPECT(stbi_write_tga_to_func(append, &f, W, H, N, p));
	EXPECT_EQ(difference(&f, p), 0);
	free(f.data);
	free(p);
}

CCODE(stb_image_jpeg_comes_back_nearly)
{
	uint8_t *p = picture();
	struct file f = {NULL, 0};
	int d;

	REQUIRE(p);
	EXPECT(stbi_write_jpg_to_func(append, &f, W, H, N, p, 95));
	digest("stb_image.jpeg", f.data, f.n);
	d = difference(&f, p);
	EXPECT(d > 0 && d < 200);
	free(f.data);
	free(p);
}

/* Its reason is a thread-local variable. */
CCODE(stb_image_tells_why_it_refuses)
{
	static const uint8_t rubbish[] = "this is no picture at all, is it?";
	int w, h, n;

	EXPECT(!stbi_load_from_memory(rubbish, sizeof(rubbish), &w, &h, &n, 0));
	EXPECT(stbi_failure_reason() &&
	       !strcmp(stbi_failure_reason(), "unknown image type"));
}

CCODE(stb_image_resizes_in_floating_point)
{
	uint8_t *p = picture(), *q = malloc(50 * 40 * N);

	REQUIRE(p && q);
	EXPECT(stbir_resize_uint8(p, W, H, 0, q, 50, 40, 0, N));
	digest("stb_image.resized", q, 50 * 40 * N);
	free(q);
	free(p);
}
