/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The audit of a tree that lives: what it saw is wrong only if nothing moved
 * meanwhile. A taker changes two things that belong together, between taking
 * and its debt; the auditor looks at both, and before and after at the debts.
 *
 * Shown: the audit does not blame a VM that is in order.
 * Memory: sequential; x86 keeps these orders by itself, so plants turn them
 * round.
 *
 * letters A1
 *
 * holds audit
 *
 * Plants: the debts are read after the first look
 * plant late_begin
 *	the last look comes after taking and the debts were read again
 * plant early_end
 *	the debts are read again before taking
 * plant early_debts
 *	taking is not looked at
 * plant no_taking
 */
#define TIMES 3

byte taking, owed;
bool this, that;	/* equal in quiet */

active proctype taker()
{
	byte n;

	do
	:: n < TIMES ->
	   taking++;			/* T3 */
	   this = !this;
	   that = !that;
	   owed++;
	   taking--;			/* T3 */
	   n++
	:: else -> break
	od
}

active proctype auditor()
{
	byte before, after, moves;
	bool one, other;
end:
	do
#ifdef PLANT_late_begin
	:: one = this;
	   before = owed;
#else
	:: before = owed;		/* A1 */
	   one = this;
#endif
#ifndef PLANT_early_end
	   other = that;
#endif
#ifdef PLANT_early_debts
	   after = owed;
	   moves = taking;		/* A1 */
#elif defined(PLANT_no_taking)
	   after = owed;
#else
	   moves = taking;		/* A1 */
	   after = owed;
#endif
#ifdef PLANT_early_end
	   other = that;
#endif
	   assert(one == other || moves || after != before);
	   atomic { before = 0; after = 0; moves = 0; one = 0; other = 0 }
	od
}
