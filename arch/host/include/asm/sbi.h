/* As the kernel has it. */
#pragma once

#include "../../../riscv/include/asm/sbi.h"
