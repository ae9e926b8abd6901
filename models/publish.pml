/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Something is made, and then its address or count says that it is there: a
 * VM's vCPU and their number (C1, C2), a slot's arrays and their address (R7,
 * R8), local APICs, chips and the PIT (D1, D2, D6 to D9), what goes with an
 * interrupt or a start-up (D3 to D5), an entry of the coalesced ring (D12). The
 * two sides run at once, several times.
 *
 * Shown: who is told of it finds it whole.
 * Memory: sequential; x86 keeps these orders by itself, so plants turn them
 * round.
 *
 * letters C1 C2 D1 D2 D3 D4 D5 D6 D7 D8 D9 D12 R7 R8
 *
 * holds publish
 *
 * Plants: C1, R7: it is announced before it is whole
 * plant early_count
 *	C2, R8: it is looked at before the announcement is read
 * plant early_look
 */
#define MAX 3

byte thing[MAX];
byte count;

active proctype maker()
{
	byte n;

	do
	:: n < MAX ->
#ifdef PLANT_early_count
	   count = n + 1;		/* C1, R7 */
	   thing[n] = 1;
#else
	   thing[n] = 1;
	   count = n + 1;		/* C1, R7 */
#endif
	   n++
	:: else -> break
	od
}

active proctype reader()
{
	byte i, n, what;

	do
	:: i < MAX ->
#ifdef PLANT_early_look
	   what = thing[i];
	   n = count;
#else
	   n = count;			/* C2, R8 */
	   what = thing[i];
#endif
	   if
	   :: i < n -> assert(what)
	   :: else -> break
	   fi;
	   i++
	:: else -> break
	od
}
