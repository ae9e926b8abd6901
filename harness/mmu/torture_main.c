// SPDX-License-Identifier: GPL-2.0
/*
 * The torture's command line, and one episode after the other:
 *
 *   [-t SECONDS] [-s SEED] [-l LENGTH]    until the time is over
 *   -e EPISODE                            only this; a failure names the
 *                                         episode it came in
 *   -f FILE                               those that the file lists
 */
#include "torture_main.h"

#include "shim.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const char *name;
static void (*play_episode)(u64 seed);
static int length = 2; /* seconds of an episode */

void torture_pause_init(pthread_rwlock_t *lock)
{
	pthread_rwlockattr_t attr;

	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(
		&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(lock, &attr);
}

void torture_wait(bool *stop)
{
	int i;

	for (i = 0; i < length * 20 && !shim_warnings(); i++)
		usleep(50000);
	__atomic_store_n(stop, true, __ATOMIC_RELAXED);
}

static bool play(u64 seed)
{
	play_episode(seed);
	if (shim_warnings())
		printf("not ok - %s: again with -e %llu\n", name, seed);
	return !shim_warnings();
}

static bool play_for(int seconds, u64 seed)
{
	time_t end = time(NULL) + seconds;
	u64 i;

	printf("1..1\n");
	for (i = 0; time(NULL) < end; i++)
		if (!play(seed * 1000000 + i))
			return false;
	printf("ok - %s: %d s, seed %llu\n", name, seconds, seed);
	return true;
}

/* Lines of "EPISODE what it once found"; # begins a comment. */
static bool play_file(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[200];
	bool good = true;
	int n = 0;

	while (good && file && fgets(line, sizeof(line), file)) {
		if (*line == '#' || *line == '\n')
			continue;
		good = play(strtoull(line, NULL, 0));
		printf("%sok %d - episode %s", good ? "" : "not ", ++n, line);
	}
	printf("1..%d\n", n);
	return good && file && !fclose(file);
}

int torture_main(const char *the_name, void (*the_play)(u64 seed), int argc,
		 char **argv)
{
	const char *file = NULL;
	int seconds = 10, opt;
	u64 seed = 1;

	name = the_name;
	play_episode = the_play;
	setvbuf(stdout, NULL, _IOLBF, 0);
	shim_thread(1);
	while ((opt = getopt(argc, argv, "t:s:l:e:f:")) != -1) {
		if (opt == 't')
			seconds = atoi(optarg);
		else if (opt == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (opt == 'l')
			length = atoi(optarg);
		else if (opt == 'e')
			return !play(strtoull(optarg, NULL, 0));
		else if (opt == 'f')
			file = optarg;
		else
			return 2;
	}
	return !(file ? play_file(file) : play_for(seconds, seed));
}
