/* Lines for people.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/printer.h"
#include <stdarg.h>
#include <stdio.h>

void kr_print(const kr_printer *printer, const char *format, ...) {
    char text[1200];
    va_list values;
    if (!printer->line) return;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    printer->line(text, printer->payload);
}
