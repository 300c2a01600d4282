/* Included into every C file by the build (-include): functions whose use has hurt others. */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H
#ifndef __cplusplus
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#pragma GCC poison strcpy strcat strncpy strncat strtok sprintf vsprintf gets atoi atol atoll atof
#pragma GCC poison gmtime localtime ctime asctime srand tmpnam tempnam mktemp
#ifndef BANNED_ALL_BUT_RAND /* for crypt/, which includes OpenSSL, whose headers call a parameter so */
#pragma GCC poison rand
#endif
#endif
#endif
