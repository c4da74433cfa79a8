/* Waiting for a virtio device (<drivers/virtio.h>): until something comes, or for a
 * while; where nothing tells how long that is, for many turns. */
#include <arch/cpu.h>
#include <drivers/virtio.h>
#include <kernel/smp.h>
#include <kernel/time.h>

struct virtio_wait virtio_wait_for(uint64_t us)
{
	return (struct virtio_wait){
		.start = arch_time(), .ticks = time_ticks(us), .turns = us};
}

bool virtio_wait_over(struct virtio_wait *w)
{
	if (arch_time() - w->start >= w->ticks)
		return true;
	return !time_known() && !w->turns--;
}

void virtio_wait_turn(uint64_t us)
{
	if (arch_irq_enabled() && time_known() && arch_timer_works())
		smp_idle(arch_time() + time_ticks(us));
	else
		arch_relax();
}
