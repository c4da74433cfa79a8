/* libjsmn-dev: a JSON parser. */
#include <jsmn.h>

#include <stdlib.h>
#include <string.h>

#include "ccode.h"

CCODE(jsmn_parses)
{
	static const char text[] =
		"{\"name\": \"strata\", \"harts\": [0, 1, 2, 3], "
		"\"ram\": {\"start\": 2147483648, \"mib\": 128}, \"x\": null}";
	jsmntok_t *t = NULL;
	jsmn_parser p;
	int n, room = 0;

	/* As much room as it takes. */
	do {
		room++;
		t = reallocarray(t, (size_t)room, sizeof(*t));
		REQUIRE(t);
		memset(t, 0, (size_t)room * sizeof(*t));
		jsmn_init(&p);
		n = jsmn_parse(&p, text, strlen(text), t, (unsigned)room);
	} while (n == JSMN_ERROR_NOMEM);
	EXPECT_EQ(n, 17);
	EXPECT_EQ(t[0].type, JSMN_OBJECT);
	EXPECT_EQ(t[0].size, 4);
	EXPECT_EQ(t[4].type, JSMN_ARRAY);
	EXPECT_EQ(strtol(text + t[12].start, NULL, 10), 2147483648);
	digest("jsmn", t, (size_t)n * sizeof(*t));
	jsmn_init(&p);
	EXPECT_EQ(jsmn_parse(&p, "[1, 2", 5, t, (unsigned)room),
		  JSMN_ERROR_PART);
	free(t);
}
