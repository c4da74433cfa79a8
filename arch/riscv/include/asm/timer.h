/* The hart's timer, inside the architecture. */
#pragma once

/* Find out how to set it; riscv_features is filled. */
void riscv_timer_init(void);
