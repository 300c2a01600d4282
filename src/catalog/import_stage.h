/* staged_row.state */
#ifndef CATALOG_IMPORT_STAGE_H
#define CATALOG_IMPORT_STAGE_H
enum stage_state { STAGE_SAME, STAGE_NEW, STAGE_CHANGED };
#endif
