/* Pictures through gnuplot: data and script stay beside the picture.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CLI_PICTURE_H
#define KR_CLI_PICTURE_H

#include "cli.h"

/* For "dir/g.png": dir/g.dat, dir/g.gp and dir/g.png. Write the data to data.file and plot commands, which name the
 * data file `data`, to script.file, then call cli_picture_draw. */
typedef struct cli_picture {
    char *path, *folder, *name, *stem; /* "dir/g.png", "dir", "g.png", "g" */
    cli_output data, script;
} cli_picture;

/* May a picture of this name be drawn? To ask before long work; cli_picture_open asks it too. */
int cli_picture_allowed(const cli_command *command, const char *path, int force);
/* CLI_DONE, CLI_FAILED or CLI_USAGE after a message. Sizes in pixels. */
int cli_picture_open(cli_picture *picture, const cli_command *command, const char *path, int force, int width,
                     int height);
int cli_picture_draw(cli_picture *picture);
void cli_picture_close(cli_picture *picture); /* drops what is not drawn */

/* Colours that stay apart for colour-blind readers; index taken modulo their number. */
const char *cli_colour(int index);

#endif
