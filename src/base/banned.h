/* Included into every C file by the build (-include): functions whose use has hurt others. */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H
#ifndef __cplusplus
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#pragma GCC poison strcpy strcat strncpy strncat strtok sprintf vsprintf gets atoi atol atoll atof
#pragma GCC poison gmtime localtime ctime asctime rand srand tmpnam tempnam mktemp
#endif
#endif
