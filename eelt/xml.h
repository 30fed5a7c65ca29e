/* Small XML documents as a flat list: every element with its path, its text and its attributes.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   <a><b size="2">1 2</b></a>   →   "a/b" "1 2",   "a/b@size" "2" */
#ifndef KR_EELT_XML_H
#define KR_EELT_XML_H

#include <kramers/context.h>
#include <stddef.h>

typedef struct kr_xml kr_xml;

/* KR_ERR_FORMAT with line and column when the text is not well-formed (so also when it was cut off). */
kr_status kr_xml_parse(kr_context *ctx, const char *text, size_t length, const char *where, kr_xml **xml);
void kr_xml_destroy(kr_xml **xml);
/* Text of the first element (or attribute) with this path; NULL when absent. Borrowed. */
const char *kr_xml_find(const kr_xml *xml, const char *path);

#endif
