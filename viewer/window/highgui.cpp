//go:build opencv

// The part of OpenCV's highgui that gocv leaves out: a window without tool bar, the size of the area
// that is drawn on, whole key codes, and pixels that are Go's. No exception leaves this file.

#include <cstdio>
#include <exception>
#include <opencv2/highgui.hpp>

#include "highgui.h"

static int failed(const char *what, char *error, int room) {
    snprintf(error, room, "%s", what);
    return -1;
}

#define GUARDED(statement)                           \
    try {                                            \
        statement;                                   \
        return 0;                                    \
    } catch (const std::exception &e) {              \
        return failed(e.what(), error, room);        \
    } catch (...) {                                  \
        return failed("unknown exception", error, room); \
    }

int lensbus_window_open(const char *name, int width, int height, char *error, int room) {
    GUARDED({
        cv::namedWindow(name, cv::WINDOW_NORMAL | cv::WINDOW_FREERATIO | cv::WINDOW_GUI_NORMAL);
        cv::resizeWindow(name, width, height);
    })
}

int lensbus_window_title(const char *name, const char *title, char *error, int room) {
    GUARDED(cv::setWindowTitle(name, title))
}

int lensbus_window_resize(const char *name, int width, int height, char *error, int room) {
    GUARDED(cv::resizeWindow(name, width, height))
}

int lensbus_window_size(const char *name, int *width, int *height, char *error, int room) {
    GUARDED({
        cv::Rect r = cv::getWindowImageRect(name);
        *width = r.width;
        *height = r.height;
    })
}

int lensbus_window_full_screen(const char *name, int on, char *error, int room) {
    GUARDED(cv::setWindowProperty(name, cv::WND_PROP_FULLSCREEN, on ? cv::WINDOW_FULLSCREEN : cv::WINDOW_NORMAL))
}

int lensbus_window_visible(const char *name, int *visible, char *error, int room) {
    GUARDED(*visible = cv::getWindowProperty(name, cv::WND_PROP_VISIBLE) > 0)
}

int lensbus_window_show(const char *name, void *bgr, int width, int height, char *error, int room) {
    GUARDED(cv::imshow(name, cv::Mat(height, width, CV_8UC3, bgr)))
}

int lensbus_window_key(int milliseconds, int *key, char *error, int room) {
    GUARDED(*key = cv::waitKeyEx(milliseconds))
}

int lensbus_window_close(const char *name, char *error, int room) {
    GUARDED(cv::destroyWindow(name))
}
