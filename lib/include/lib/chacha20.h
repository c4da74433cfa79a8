/* The ChaCha20 block function. Source: RFC 8439, section 2.3. */
#pragma once

#include <stdint.h>

/* 64 bytes of key stream: of this key and these four words (there: a counter and
 * a nonce). */
void chacha20_block(const uint32_t key[8], const uint32_t input[4],
		    uint8_t out[64]);
