#include "demo/chart.h"

#include <cairo/cairo.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CELL = 26, TEXT = 12, MARGIN = 16, TITLE = 40 };

static void say(cairo_t *cr, double x, double y, double turn, const char *text)
{
    cairo_save(cr);
    cairo_move_to(cr, x, y);
    cairo_rotate(cr, turn);
    cairo_show_text(cr, text);
    cairo_restore(cr);
}

static double width_of(cairo_t *cr, const char *text)
{
    cairo_text_extents_t e;
    cairo_text_extents(cr, text, &e);
    return e.x_advance;
}

static void write_count(cairo_t *cr, double x, double y, unsigned count)
{
    char text[16];
    snprintf(text, sizeof text, "%u", count);
    cairo_set_font_size(cr, count > 999 ? TEXT - 4 : TEXT - 2);
    say(cr, x + (CELL - width_of(cr, text)) / 2, y + CELL * .66, 0, text);
    cairo_set_font_size(cr, TEXT);
}

/* Right answers are blue, wrong ones red; dark cells get white numbers. */
static void draw_cells(cairo_t *cr, const struct chart_confusion *c, double left, double top)
{
    for (size_t i = 0; i < c->n; i++) {
        double total = 0;
        for (size_t j = 0; j < c->n; j++)
            total += c->counts[i * c->n + j];
        for (size_t j = 0; j < c->n; j++) {
            unsigned count = c->counts[i * c->n + j];
            double part = total > 0 ? count / total : 0, x = left + (double)j * CELL,
                   y = top + (double)i * CELL;
            double shade = sqrt(part), pale = 1 - .85 * shade;
            cairo_rectangle(cr, x + .5, y + .5, CELL - 1, CELL - 1);
            if (i == j)
                cairo_set_source_rgb(cr, pale, 1 - .55 * shade, 1 - .25 * shade);
            else
                cairo_set_source_rgb(cr, 1 - .2 * shade, pale, pale);
            if (count == 0) cairo_set_source_rgb(cr, .965, .965, .965);
            cairo_fill(cr);
            if (count == 0) continue;
            double ink = shade > .7 ? 1 : .1;
            cairo_set_source_rgb(cr, ink, ink, ink);
            write_count(cr, x, y, count);
        }
    }
}

static void draw(cairo_t *cr, const struct chart_confusion *c, double left, double top)
{
    cairo_set_source_rgb(cr, 1, 1, 1);
    cairo_paint(cr);
    cairo_set_source_rgb(cr, .1, .1, .1);
    cairo_set_font_size(cr, TEXT + 3);
    say(cr, MARGIN, MARGIN + TEXT + 2, 0, c->title);
    cairo_set_font_size(cr, TEXT);
    for (size_t i = 0; i < c->n; i++) {
        double at = (double)i * CELL + CELL * .66;
        say(cr, left - 8 - width_of(cr, c->names[i]), top + at, 0, c->names[i]);
        say(cr, left + at, top - 8, -1.5707963, c->names[i]);
    }
    draw_cells(cr, c, left, top);
}

static double longest(cairo_t *cr, const struct chart_confusion *c)
{
    double most = 0;
    cairo_set_font_size(cr, TEXT);
    for (size_t i = 0; i < c->n; i++)
        most = fmax(most, width_of(cr, c->names[i]));
    return most;
}

static void take_pixels(cairo_surface_t *s, struct image *out)
{
    const uint8_t *from = cairo_image_surface_get_data(s);
    size_t stride = (size_t)cairo_image_surface_get_stride(s);
    for (size_t y = 0; y < (size_t)out->height; y++)
        for (size_t x = 0; x < (size_t)out->width; x++) {
            uint32_t p;
            memcpy(&p, from + y * stride + x * 4, 4);
            uint8_t *to = out->rgb + (y * (size_t)out->width + x) * 3;
            to[0] = (uint8_t)(p >> 16);
            to[1] = (uint8_t)(p >> 8);
            to[2] = (uint8_t)p;
        }
}

enum rc chart_confusion(const struct chart_confusion *c, struct image *out, struct err *err)
{
    ASSERT(c->n >= 1 && c->n <= 100);
    cairo_surface_t *s = cairo_image_surface_create(CAIRO_FORMAT_RGB24, 8, 8);
    cairo_t *cr = cairo_create(s);
    double left = MARGIN + longest(cr, c) + 8, top = MARGIN + TITLE + longest(cr, c);
    double title = MARGIN * 2 + 1.4 * width_of(cr, c->title);
    cairo_destroy(cr);
    cairo_surface_destroy(s);
    double cells = (double)c->n * CELL;
    int w = (int)ceil(fmax(left + cells + MARGIN, title)), h = (int)ceil(top + cells + MARGIN);
    *out = (struct image){0};
    s = cairo_image_surface_create(CAIRO_FORMAT_RGB24, w, h);
    cr = cairo_create(s);
    draw(cr, c, left, top);
    cairo_surface_flush(s);
    enum rc rc = cairo_status(cr) ? err_set(err, RC_NOMEM, "a chart cannot be drawn: %s",
                                            cairo_status_to_string(cairo_status(cr)))
                                  : image_create(w, h, out, err);
    if (!rc) take_pixels(s, out);
    cairo_destroy(cr);
    cairo_surface_destroy(s);
    return rc;
}
