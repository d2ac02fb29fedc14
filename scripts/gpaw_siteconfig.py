"""What GPAW is built with (GPAW_CONFIG of scripts/setup.sh): FFTW takes a fifth off the time of an energy."""

fftw = True
libraries = ["openblas", "fftw3", "xc"]
