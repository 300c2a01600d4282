/* What a cut is: shared by the tables (collection.c) and the drawing (looks.c). */
#ifndef DEMO_CUT_H
#define DEMO_CUT_H

#include "demo/collection.h"

/* Groups of colours; collection.c has them. */
enum palette {
    PAL_ALL,
    PAL_SUIT,
    PAL_DENIM,
    PAL_LEATHER,
    PAL_METAL,
    PAL_SPORT,
    PAL_COAT,
    PAL_SOFT,
    PAL_STRAW,
    PAL_EVENING
};

/* In the order of the table of cuts; drawing goes by ranges of it. */
enum cut_id {
    TEE,
    TEE_V,
    TEE_PRINT,
    POLO,
    LONGSLEEVE,
    HENLEY,
    SHIRT,
    SHIRT_MAO,
    SHIRT_DENIM,
    SHIRT_SHORT,
    BLOUSE,
    CAMISOLE,
    TANK,
    BOAT_TOP,
    CROP_TOP,
    TUNIC,
    SWEATER,
    SWEATER_V,
    TURTLENECK,
    CABLE_KNIT,
    CARDIGAN,
    SWEATSHIRT,
    HOODIE,
    HOODIE_ZIP,
    DENIM_JACKET,
    BIKER,
    BOMBER,
    PARKA,
    TRENCH,
    COAT,
    PEACOAT,
    PUFFER,
    BLAZER,
    BLAZER_DOUBLE,
    TUXEDO,
    WAISTCOAT,
    DRESS_WRAP,
    DRESS_SKATER,
    DRESS_SHEATH,
    DRESS_MAXI,
    DRESS_SLIP,
    DRESS_SHIRT,
    DRESS_KNIT,
    JUMPSUIT,
    CHINO,
    SUIT_TROUSERS,
    WIDE_TROUSERS,
    CARGO,
    JEANS_SLIM,
    JEANS_STRAIGHT,
    JEANS_FLARE,
    JOGGER,
    LEGGING,
    SHORT_CHINO,
    SHORT_DENIM,
    SHORT_SPORT,
    SKIRT_PENCIL,
    SKIRT_SKATER,
    SKIRT_PLEATED,
    SKIRT_MAXI,
    SKIRT_DENIM,
    SNEAKER,
    CANVAS_SHOE,
    BOOT,
    RUNNER,
    OXFORD,
    LOAFER,
    CHELSEA,
    PUMP,
    HEEL_SANDAL,
    BALLERINA,
    SANDAL,
    MULE,
    TOTE,
    SATCHEL,
    BUCKET,
    SHOULDER,
    CLUTCH,
    ENVELOPE,
    BACKPACK,
    DUFFEL,
    BELT,
    TIE,
    BOW,
    SCARF,
    SHAWL,
    CAP,
    BEANIE,
    FEDORA,
    STRAW,
    SUNGLASSES,
    WATCH,
    EARRINGS,
    HOOPS,
    NECKLACE,
    BRACELET,
    SOCKS,
    WALLET,
    GLOVES
};

enum sizes { SIZE_LETTER, SIZE_WOMAN, SIZE_MAN, SIZE_JEANS, SIZE_SHOE_W, SIZE_SHOE_M, SIZE_BELT, SIZE_ONE };

struct cut {
    enum cut_id id;
    const char *category, *title;
    bool fem;
    const char *type; /* behind "Femme > " */
    const char *google;
    const char *genders; /* of "wmu", drawn by chance */
    enum palette palette;
    signed char fabrics[6], patterns[7]; /* -1 ends; repeated for weight */
    signed char style, season;           /* season -1: any */
    int price;                           /* EUR, for cotton */
    enum sizes sizes;
    int weight;
    const char *says; /* a sentence of the description */
};

#endif
