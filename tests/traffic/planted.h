/* What no hot path does, to see that it is seen. Each stores to the line at p. */
#pragma once

void planted_nothing(void *p);
void planted_counter(void *p);	  /* of all harts */
void planted_atomic(void *p);	  /* the same, by an atomic */
void planted_lock(void *p);	  /* of all harts */
void planted_neighbours(void *p); /* each hart's own, in one line */
void planted_fence(void *p);
