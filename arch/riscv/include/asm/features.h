/* Extensions that all harts have which run this kernel. Constant after
 * arch_features_init(). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct riscv_features {
	bool sstc;
	bool svinval;
	bool svnapot;
	bool svpbmt;
	bool fp;	     /* F and D */
	uint64_t cbom_block; /* Zicbom: bytes that it acts on; 0: not there */
};

extern struct riscv_features riscv_features;
