// See highgui.cpp. Every function returns 0, or -1 with a text in error, which has that much room.

#ifndef LENSBUS_HIGHGUI_H
#define LENSBUS_HIGHGUI_H

#ifdef __cplusplus
extern "C" {
#endif

int lensbus_window_open(const char *name, int width, int height, char *error, int room);
int lensbus_window_title(const char *name, const char *title, char *error, int room);
int lensbus_window_resize(const char *name, int width, int height, char *error, int room);
int lensbus_window_size(const char *name, int *width, int *height, char *error, int room);
int lensbus_window_full_screen(const char *name, int on, char *error, int room);
int lensbus_window_visible(const char *name, int *visible, char *error, int room);
int lensbus_window_show(const char *name, void *bgr, int width, int height, char *error, int room);
int lensbus_window_key(int milliseconds, int *key, char *error, int room);
int lensbus_window_close(const char *name, char *error, int room);

#ifdef __cplusplus
}
#endif

#endif
