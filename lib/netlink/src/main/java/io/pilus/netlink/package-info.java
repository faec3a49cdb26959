/** Links, addresses, routes and network namespaces of Linux, by rtnetlink, without starting a process. */
@NullMarked
package io.pilus.netlink;

import org.jspecify.annotations.NullMarked;
