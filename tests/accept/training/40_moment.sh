#!/usr/bin/env bash
# moment form against the exact engine: gradients, the learning curve of water
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh

ctest_passes "gradients and splines of the moment form" -R '^test_engine_moment(_more)?$'
