# SPDX-License-Identifier: GPL-2.0
set terminal svg size 640,400
set output "changes.svg"
set logscale xy
set xlabel "entries of the set"
set ylabel "changes per second beside a walk"
set key bottom left
plot "changes.dat" using 1:2 with linespoints title "walks lock", \
	"" using 3:4 with linespoints title "walks do not"
