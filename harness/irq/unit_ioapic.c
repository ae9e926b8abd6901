// SPDX-License-Identifier: GPL-2.0
/*
 * The IO-APIC against its data sheet (82093AA) and against what KVM does where
 * that is silent; and the way from a GSI through the routes.
 */
#include "world.h"

#include <string.h>

#define LEVEL UM_REDIR_LEVEL
#define MASKED UM_REDIR_MASKED
#define DEST(id) ((u64)(id) << 56)

static int line(u32 gsi, bool up)
{
	return um_irq_set(&irqs, gsi, UM_IRQ_USER, up);
}

static void registers(void)
{
	world_new(1);
	um_ioapic_write(&irqs, 0, 1);
	EXPECT_EQ(um_ioapic_read(&irqs, 0), 1);
	EXPECT_EQ(um_ioapic_read(&irqs, 0x10), 0x170011);
	um_ioapic_write(&irqs, 0x10, 0);
	EXPECT_EQ(um_ioapic_read(&irqs, 0x10), 0x170011);
	um_ioapic_write(&irqs, 0, 0);
	um_ioapic_write(&irqs, 0x10, 0xffffffff);
	EXPECT_EQ(um_ioapic_read(&irqs, 0x10), 0x0f000000);
	EXPECT_EQ(ioapic_entry(5), MASKED);
	ioapic_redir(5, ~0ull);
	/* remote IRR and delivery status are not to be written */
	EXPECT_EQ(ioapic_entry(5), 0xff0000000001afffull);
	um_ioapic_write(&irqs, 0, 0x40); /* behind the last entry */
	um_ioapic_write(&irqs, 0x10, 0x1234);
	EXPECT_EQ(um_ioapic_read(&irqs, 0x10), 0);
	um_ioapic_write(&irqs, 0, 0x0f);
	um_ioapic_write(&irqs, 0x10, 0x1234);
	EXPECT_EQ(um_ioapic_read(&irqs, 0x10), 0);
	EXPECT_EQ(um_ioapic_read(&irqs, 0x40), 0);
}

static void edge(void)
{
	world_new(2);
	ioapic_redir(20, DEST(1) | 0x51);
	EXPECT_EQ(line(20, true), 1);
	EXPECT_EQ(line(20, true), UM_IRQ_COALESCED);
	EXPECT_EQ(apic_serve(1), 0x51);
	EXPECT_EQ(apic_serve(1), -1);
	line(20, false);
	EXPECT_EQ(line(20, true), 1);
	EXPECT_EQ(apic_serve(1), 0x51);
	EXPECT_EQ(ioapic_entry(20), DEST(1) | 0x51);
}

static void masked_edge_is_lost(void)
{
	world_new(1);
	ioapic_redir(20, MASKED | 0x51);
	EXPECT_EQ(line(20, true), UM_IRQ_IGNORED);
	ioapic_redir(20, 0x51);
	EXPECT_EQ(apic_serve(0), -1);
}

static void level(void)
{
	world_new(1);
	ioapic_redir(20, LEVEL | 0x51);
	EXPECT_EQ(line(20, true), 1);
	EXPECT_EQ(ioapic_entry(20), LEVEL | UM_REDIR_REMOTE | 0x51);
	EXPECT_EQ(line(20, true), UM_IRQ_COALESCED);
	EXPECT_EQ(apic_take(0), 0x51);
	EXPECT_EQ(apic_take(0), -1);
	um_lapic_eoi(world_apic(0)); /* still up: again */
	EXPECT_EQ(apic_take(0), 0x51);
	line(20, false);
	um_lapic_eoi(world_apic(0));
	EXPECT_EQ(apic_take(0), -1);
	EXPECT_EQ(ioapic_entry(20), LEVEL | 0x51);
}

static void masked_level_comes_later(void)
{
	world_new(1);
	ioapic_redir(20, LEVEL | MASKED | 0x51);
	EXPECT_EQ(line(20, true), UM_IRQ_IGNORED);
	ioapic_redir(20, LEVEL | 0x51);
	EXPECT_EQ(apic_take(0), 0x51);
	/* masked while it is served: comes back when unmasked */
	ioapic_redir(20, LEVEL | MASKED | 0x51);
	um_lapic_eoi(world_apic(0));
	EXPECT_EQ(apic_take(0), -1);
	EXPECT_EQ(ioapic_entry(20), LEVEL | MASKED | 0x51);
	ioapic_redir(20, LEVEL | 0x51);
	EXPECT_EQ(apic_serve(0), 0x51);
}

/* Kernels clear a stuck remote IRR by making the pin an edge for a moment. */
static void edge_clears_remote(void)
{
	world_new(1);
	ioapic_redir(20, LEVEL | 0x51);
	line(20, true);
	EXPECT_EQ(apic_take(0), 0x51);
	line(20, false);
	ioapic_redir(20, MASKED | 0x51);
	ioapic_redir(20, LEVEL | 0x51);
	EXPECT_EQ(ioapic_entry(20), LEVEL | 0x51);
}

static void several_sources(void)
{
	world_new(1);
	ioapic_redir(20, LEVEL | 0x51);
	line(20, true);
	um_irq_set(&irqs, 20, UM_IRQ_RESAMPLE, true);
	EXPECT_EQ(apic_take(0), 0x51);
	line(20, false);
	um_lapic_eoi(world_apic(0));
	EXPECT_EQ(apic_take(0), 0x51);
	um_irq_set(&irqs, 20, UM_IRQ_RESAMPLE, false);
	um_lapic_eoi(world_apic(0));
	EXPECT_EQ(apic_take(0), -1);
}

static void nobody_there(void)
{
	world_new(1);
	ioapic_redir(20, LEVEL | DEST(7) | 0x51);
	EXPECT_EQ(line(20, true), UM_IRQ_IGNORED);
	EXPECT_EQ(ioapic_entry(20) & UM_REDIR_REMOTE, 0);
	ioapic_redir(20, LEVEL | DEST(0) | 0x51);
	EXPECT_EQ(apic_take(0), 0x51);
}

static void lower_line(u32 gsi)
{
	um_irq_set(&irqs, gsi, UM_IRQ_RESAMPLE, false);
}

static void raise_again(u32 gsi)
{
	lower_line(gsi);
	um_irq_set(&irqs, gsi, UM_IRQ_RESAMPLE, true);
}

/* A device hears of the end before the pin is served again. */
static void resample(void)
{
	world_new(1);
	ioapic_redir(20, LEVEL | 0x51);
	on_acked = lower_line;
	um_irq_set(&irqs, 20, UM_IRQ_RESAMPLE, true);
	EXPECT_EQ(apic_serve(0), 0x51);
	EXPECT_EQ(acked[20], 1);
	EXPECT_EQ(apic_take(0), -1);
	on_acked = raise_again;
	um_irq_set(&irqs, 20, UM_IRQ_RESAMPLE, true);
	EXPECT_EQ(apic_serve(0), 0x51);
	EXPECT_EQ(apic_serve(0), 0x51);
	EXPECT_EQ(acked[20], 3);
	on_acked = NULL;
}

static void state_round_trip(void)
{
	struct kvm_ioapic_state a, b;

	world_new(1);
	ioapic_redir(20, LEVEL | 0x51);
	ioapic_redir(21, LEVEL | MASKED | 0x52);
	ioapic_redir(22, 0x53);
	line(20, true);
	line(21, true);
	line(22, true);
	um_ioapic_save(&irqs, &a);
	EXPECT_EQ(a.base_address, 0xfec00000);
	EXPECT_EQ(a.irr, 3 << 20); /* the edge went out */
	EXPECT_EQ(a.redirtbl[20].fields.remote_irr, 1);
	um_ioapic_load(&irqs, &a);
	um_ioapic_save(&irqs, &b);
	EXPECT(!memcmp(&a, &b, sizeof(a)), "differs after a round trip");
	memset(&a, 0xff, sizeof(a));
	um_ioapic_load(&irqs, &a);
	um_ioapic_save(&irqs, &b);
	EXPECT_EQ(b.redirtbl[0].bits, 0xff0000000001efffull);
}

static void routes_refused(void)
{
	struct kvm_irq_routing_entry e[2] = {
		{ .gsi = 5, .type = KVM_IRQ_ROUTING_IRQCHIP,
		  .u.irqchip = { KVM_IRQCHIP_IOAPIC, 5 } },
		{ .gsi = 5, .type = KVM_IRQ_ROUTING_IRQCHIP,
		  .u.irqchip = { KVM_IRQCHIP_PIC_MASTER, 5 } },
	};

	world_new(1);
	EXPECT(world_routes(e, 2, false, 0), "two chips");
	e[1].u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
	EXPECT(!world_routes(e, 2, false, 0), "one chip twice");
	e[1].type = KVM_IRQ_ROUTING_MSI;
	EXPECT(!world_routes(e, 2, false, 0), "chip and message");
	e[0].type = KVM_IRQ_ROUTING_MSI;
	EXPECT(!world_routes(e, 2, false, 0), "two messages");
	e[1].gsi = 6;
	EXPECT(world_routes(e, 2, false, 0), "a message each");
	e[0].flags = 1;
	EXPECT(!world_routes(e, 1, false, 0), "flags");
	e[0].flags = 0;
	e[0].gsi = UM_GSIS;
	EXPECT(!world_routes(e, 1, false, 0), "no such GSI");
	e[0].gsi = UM_GSIS - 1;
	EXPECT(world_routes(e, 1, false, 0), "the last GSI");
	e[0].type = 77;
	EXPECT(!world_routes(e, 1, false, 0), "unknown type");
	e[0].type = KVM_IRQ_ROUTING_IRQCHIP;
	e[0].u.irqchip.pin = 24;
	EXPECT(!world_routes(e, 1, false, 0), "no such pin");
	e[0].u.irqchip.irqchip = KVM_IRQCHIP_PIC_SLAVE;
	e[0].u.irqchip.pin = 8;
	EXPECT(!world_routes(e, 1, false, 0), "no such input");
	e[0].u.irqchip.irqchip = 3;
	e[0].u.irqchip.pin = 0;
	EXPECT(!world_routes(e, 1, false, 0), "no such chip");
	e[0].u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
	EXPECT(!world_routes(e, 1, true, 0), "a chip that is not here");
	EXPECT(world_routes(NULL, 0, false, 0), "none");
	EXPECT_EQ(line(5, true), UM_IRQ_IGNORED);
	EXPECT_EQ(line(~0u, true), UM_IRQ_IGNORED);
}

/* User space has the IO-APIC: it must hear when a level is done with. */
static void split(void)
{
	struct kvm_irq_routing_entry e[3] = {
		{ .gsi = 4, .type = KVM_IRQ_ROUTING_MSI,
		  .u.msi = { .address_lo = 0xfee01000, .data = 0x8061 } },
		{ .gsi = 5, .type = KVM_IRQ_ROUTING_MSI,
		  .u.msi = { .address_lo = 0xfee01000, .data = 0x62 } },
		{ .gsi = 30, .type = KVM_IRQ_ROUTING_MSI,
		  .u.msi = { .address_lo = 0xfee01000, .data = 0x8063 } },
	};
	struct um_lapic *apic = world_apic(1);

	world_new(2);
	EXPECT(world_routes(e, 3, true, 24), "routes");
	EXPECT_EQ(line(5, true), 1);
	EXPECT_EQ(apic_serve(1), 0x62);
	EXPECT_EQ(apic->eoi_vector, -1); /* an edge */
	line(30, true);
	EXPECT_EQ(apic_serve(1), 0x63);
	EXPECT_EQ(apic->eoi_vector, -1); /* no pin */
	line(4, true);
	EXPECT_EQ(line(4, false), UM_IRQ_IGNORED);
	EXPECT_EQ(apic_serve(1), 0x61);
	EXPECT_EQ(apic->eoi_vector, 0x61);
	EXPECT(world[1].works, "and the vCPU does not hear of it");
}

int main(void)
{
	TEST(registers);
	TEST(edge);
	TEST(masked_edge_is_lost);
	TEST(level);
	TEST(masked_level_comes_later);
	TEST(edge_clears_remote);
	TEST(several_sources);
	TEST(nobody_there);
	TEST(resample);
	TEST(state_round_trip);
	TEST(routes_refused);
	TEST(split);
	return world_done();
}
