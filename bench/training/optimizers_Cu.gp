# gnuplot optimizers_Cu.gp draws optimizers_Cu.svg
set terminal svg size 640,420 background 'white'
set output 'optimizers_Cu.svg'
set logscale xy
set grid
set key top right
set xlabel 'process time (s)'
set ylabel 'force MAE on held-out frames (meV/Å)'
set encoding utf8
plot 'optimizers_Cu.dat' index 0 using 3:4 with linespoints lw 2 pt 7 ps 0.6 title 'SOAP', 'optimizers_Cu.dat' index 1 using 3:4 with linespoints lw 2 pt 7 ps 0.6 title 'Muon', 'optimizers_Cu.dat' index 2 using 3:4 with linespoints lw 2 pt 7 ps 0.6 title 'Adam', 'optimizers_Cu.dat' index 3 using 3:4 with linespoints lw 2 pt 7 ps 0.6 title 'LKF', 'optimizers_Cu.dat' index 4 using 3:4 with linespoints lw 2 pt 7 ps 0.6 title 'LBFGS'
