/* The drawn photos of a wardrobe, for the page to offer: DATA/demo/wardrobe. A house without them has none. */
#include "base/app.h"
#include "base/fs.h"
#include "base/module.h"
#include "demo/demo.h"
#include "http/http.h"

#include <stdio.h>
#include <stdlib.h>

enum { PATH_BYTES = 4096, MAX_PHOTO_BYTES = 8 << 20 };

static bool photo_path(const struct app *app, struct str name, char out[static PATH_BYTES])
{
    int n = snprintf(out, PATH_BYTES, "%s/demo/wardrobe/%.*s.jpg", app->data_dir, STR_ARG(name));
    return n > 0 && n < PATH_BYTES;
}

static enum rc list_photos(struct http_request *rq, struct http_response *rs, struct err *err)
{
    (void)err;
    char path[PATH_BYTES];
    jout_object(&rs->json);
    jout_key(&rs->json, "photos");
    jout_array(&rs->json);
    for (int i = 1; i <= DEMO_PHOTOS; i++) {
        char name[32], url[80];
        snprintf(name, sizeof name, "photo-%02d", i);
        if (!photo_path(rq->app, str_of(name), path) || !fs_exists(path)) continue;
        jout_object(&rs->json);
        snprintf(url, sizeof url, "/v1/demo/photos/%s", name);
        jout_kz(&rs->json, "url", url);
        snprintf(url, sizeof url, "/v1/demo/photos/%s-small", name);
        jout_kz(&rs->json, "thumbnail", url);
        jout_end(&rs->json);
    }
    jout_end(&rs->json);
    jout_end(&rs->json);
    rs->etag = true;
    rs->cache_control = "no-cache";
    return RC_OK;
}

static enum rc get_photo(struct http_request *rq, struct http_response *rs, struct err *err)
{
    char path[PATH_BYTES], *bytes = NULL;
    size_t n = 0;
    if (!photo_path(rq->app, http_param(rq, "name"), path))
        return err_set(err, RC_NOT_FOUND, "there is no such photo");
    enum rc rc = fs_read(path, MAX_PHOTO_BYTES, &bytes, &n, err);
    if (rc == RC_NOT_FOUND) return err_set(err, rc, "there is no such photo"); /* without the path */
    if (rc) return rc;
    buf_add_bytes(&rs->body, bytes, n);
    free(bytes);
    rs->type = "image/jpeg";
    rs->etag = true;
    rs->cache_control = "public, max-age=3600";
    return RC_OK;
}

static const struct http_param photo_params[] = {
    {"name", HTTP_IN_PATH, true, "{\"type\":\"string\",\"pattern\":\"^photo-[0-9]{2}(-small)?$\"}",
     "The photo."},
    {0}};

static const struct http_route routes[] = {{.path = "/v1/demo/photos",
                                            .method = "GET",
                                            .operation = "listDemoPhotos",
                                            .tag = "demo",
                                            .summary = "Drawn photos to try the page with.",
                                            .handler = list_photos,
                                            .roles = HTTP_ANYONE,
                                            .flags = HTTP_HIDDEN},
                                           {.path = "/v1/demo/photos/{name}",
                                            .method = "GET",
                                            .operation = "getDemoPhoto",
                                            .tag = "demo",
                                            .summary = "One of them.",
                                            .handler = get_photo,
                                            .roles = HTTP_ANYONE,
                                            .flags = HTTP_HIDDEN,
                                            .params = photo_params,
                                            .answer_type = "image/jpeg"},
                                           {0}};

const struct module demo_module = {.name = "demo", .routes = routes};
