/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What GetInterfaceDescription tells: varlink interface definitions
 */

#define CONTROL_INTERFACE_POOL    "io.phppool.Pool"
#define CONTROL_INTERFACE_SERVICE "org.varlink.service"

/* The text, or NULL if we have no such interface. */
const char *control_interface_description(const char *interface);
