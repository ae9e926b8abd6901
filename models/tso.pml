/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The memory of x86 (TSO): a store waits in its CPU's buffer while later loads
 * of that CPU pass it; the buffer drains in order, at any time; a locked
 * operation and a fence wait until it is empty.
 *
 * The includer defines CPUS (how many buffers), WORDS (how much memory) and,
 * if two stores in flight are not enough, DEPTH. Actors are declared after
 * this file as `active`, the first of them with CPU 0: ME is an actor's CPU.
 */
#ifndef DEPTH
#define DEPTH 2
#endif
#define ME (_pid - CPUS)

byte mem[WORDS];
byte sb_word[CPUS * DEPTH];
byte sb_value[CPUS * DEPTH];
byte sb_len[CPUS];

/* The buffers' ends: they empty whenever they like. */
active [CPUS] proctype memory()
{
	byte i;
end:
	do
	:: atomic { sb_len[_pid] > 0 ->
		mem[sb_word[_pid * DEPTH]] = sb_value[_pid * DEPTH];
		sb_len[_pid]--;
		do
		:: i < sb_len[_pid] ->
			sb_word[_pid * DEPTH + i] = sb_word[_pid * DEPTH + i + 1];
			sb_value[_pid * DEPTH + i] = sb_value[_pid * DEPTH + i + 1];
			i++
		:: else -> break
		od;
		sb_word[_pid * DEPTH + i] = 0;
		sb_value[_pid * DEPTH + i] = 0;
		i = 0
	   }
	od
}

/* smp_mb(), as a statement or as the guard of what follows. */
#define MB (sb_len[ME] == 0)

#define STORE(word, value) atomic {				\
	sb_len[ME] < DEPTH ->					\
	sb_word[ME * DEPTH + sb_len[ME]] = word;		\
	sb_value[ME * DEPTH + sb_len[ME]] = value;		\
	sb_len[ME]++						\
}

/* The newest of one's own stores that still wait, else memory. DEPTH <= 2. */
#define LOADED(word)						\
	(sb_len[ME] > 1 && sb_word[ME * DEPTH + DEPTH - 1] == word	\
	 -> sb_value[ME * DEPTH + DEPTH - 1]			\
	 : (sb_len[ME] > 0 && sb_word[ME * DEPTH] == word	\
	    -> sb_value[ME * DEPTH] : mem[word]))

#define LOAD(var, word) var = LOADED(word)

/* cmpxchg: @ok says whether it was done; else @old is what stands there. */
#define CAS(word, old, new, ok) atomic {			\
	MB;							\
	ok = (mem[word] == (old));				\
	if							\
	:: ok -> mem[word] = new				\
	:: else -> old = mem[word]				\
	fi							\
}

#define XCHG(var, word, value) atomic { MB; var = mem[word]; mem[word] = value }
#define LOCKED(statement) atomic { MB; statement }
