/*
 * Making a photo fit to be kept: faces that nobody can bring back, and the proof that a file holds pixels and nothing
 * else. Additions to image.h, with its rules and threading.
 */
#ifndef IMAGE_HIDE_H
#define IMAGE_HIDE_H

#include "image/image.h"

/* Replaces what a box shows by a smooth patch made of at most IMAGE_HIDE_CELLS x IMAGE_HIDE_CELLS mean colours, in an
 * ellipse that holds the box, IMAGE_HIDE_MARGIN times as wide and high. Averages of some hundred pixels each, kept at
 * 8 bits: unlike a blur by convolution there is nothing to invert. Boxes may reach over the border. */
enum { IMAGE_HIDE_CELLS = 5 };
#define IMAGE_HIDE_MARGIN 1.6f
enum rc image_hide(struct image *im, struct image_box box, struct err *err) MUST_USE;

/* True for a JPEG (ISO/IEC 10918-1) of one frame that consists of tables, frame and scans alone, with at most one
 * JFIF header without thumbnail: no other application segment (EXIF, XMP, ICC, IPTC, ...), no comment, nothing between
 * segments and nothing behind the end. */
bool image_jpeg_is_bare(struct str bytes);
#endif
