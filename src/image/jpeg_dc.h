/*
 * A JPEG without what a reduced decoding does not look at. At an eighth of its size a block of 8 x 8 pixels becomes
 * one, its mean, and that is the block's first coefficient: the other 63 are read only to find where the next block
 * begins, and in a phone's photo that is nearly all of the work. Here this is done by a table that steps over
 * several coefficients at once, and what is left (the first coefficients, and whole blocks of the components that
 * are needed in more detail, mostly the colours) goes to libjpeg-turbo as a smaller file, which decodes to the very
 * same pixels.
 *
 * Threading: nothing is shared; any thread.
 */
#ifndef IMAGE_JPEG_DC_H
#define IMAGE_JPEG_DC_H

#include "base/buf.h"

#include <stdio.h>

#include <jpeglib.h>

/*
 * After jpeg_read_header() and jpeg_calc_output_dimensions(), with the source in memory: appends the scan that the
 * source stands before to `out`, up to and with an end-of-image marker. False, and whatever in `out`, for all that
 * is not the ordinary sound case of one sequential Huffman scan with a marker behind it: then the source is to be
 * decoded as it is. Nothing in `j` is changed.
 */
bool jpeg_dc_only(const struct jpeg_decompress_struct *j, struct buf *out) MUST_USE;

#endif
