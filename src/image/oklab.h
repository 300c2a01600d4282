/*
 * OKLab (Ottosson 2020), in which equal distances look about equally different. Scaled by 100: L 0 (black) to
 * 100 (white), a (green to red) and b (blue to yellow) within about -35 to 35.
 */
#ifndef IMAGE_OKLAB_H
#define IMAGE_OKLAB_H

#include <stdint.h>

struct oklab {
    float l, a, b;
};

struct oklab oklab_of(const uint8_t rgb[static 3]);
#endif
