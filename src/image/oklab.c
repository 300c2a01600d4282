#include "image/oklab.h"

#include <math.h>
#include <pthread.h>

static float linear[256];

static void fill(void)
{
    for (int i = 0; i < 256; i++) {
        double v = i / 255.0;
        linear[i] = (float)(v <= .04045 ? v / 12.92 : pow((v + .055) / 1.055, 2.4));
    }
}

struct oklab oklab_of(const uint8_t rgb[static 3])
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fill);
    float r = linear[rgb[0]], g = linear[rgb[1]], b = linear[rgb[2]];
    float l = cbrtf(.4122214708f * r + .5363325363f * g + .0514459929f * b);
    float m = cbrtf(.2119034982f * r + .6806995451f * g + .1073969566f * b);
    float s = cbrtf(.0883024619f * r + .2817188376f * g + .6299787005f * b);
    return (struct oklab){100 * (.2104542553f * l + .7936177850f * m - .0040720468f * s),
                          100 * (1.9779984951f * l - 2.4285922050f * m + .4505937099f * s),
                          100 * (.0259040371f * l + .7827717662f * m - .8086757660f * s)};
}
