// SPDX-License-Identifier: GPL-2.0
/*
 * Linked into upstream's tests (ld --wrap=ioctl). Their library always calls
 * KVM_CREATE_IRQCHIP, and what most of them test needs none: where the device
 * has no such ioctl, go on without. Goes when the module has an irqchip.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdarg.h>

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;
	int r;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	r = __real_ioctl(fd, request, arg);
	if (r < 0 && errno == ENOTTY && request == KVM_CREATE_IRQCHIP)
		return 0;
	return r;
}
