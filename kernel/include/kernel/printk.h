/*
 * Kernel messages. Every message goes into the log ring (`dmesg` shows it);
 * those at or above the console's level also go to the console.
 */
#pragma once

#include <stdarg.h>

#include <kernel/types.h>

enum log_level { LOG_ERR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/*
 * One message, a line or more, each ended by '\n' in `fmt`. printf's formats
 * without floating point. Any context; never sleeps, never allocates. Text
 * over 511 bytes is cut and ends in "...", before the '\n' that ends `fmt`.
 */
void printk(enum log_level level, const char *fmt, ...) __printf(2, 3);

#define pr_err(...)   printk(LOG_ERR, __VA_ARGS__)
#define pr_warn(...)  printk(LOG_WARN, __VA_ARGS__)
#define pr_info(...)  printk(LOG_INFO, __VA_ARGS__)
#define pr_debug(...) printk(LOG_DEBUG, __VA_ARGS__)

/* Highest level that still reaches the console; LOG_INFO at boot. */
void printk_set_console_level(enum log_level level);

/* Write the log ring, oldest line first, to the console. */
void printk_dump(void);

/*
 * Output of a console command: straight to the console, whatever the level,
 * and not into the log ring. Text is cut as by printk.
 */
void kprintf(const char *fmt, ...) __printf(1, 2);
void kvprintf(const char *fmt, va_list ap);
