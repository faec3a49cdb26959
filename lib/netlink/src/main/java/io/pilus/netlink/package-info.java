/** Links, addresses, routes and network namespaces of Linux, and who alone may use them, without starting a process. */
@NullMarked
package io.pilus.netlink;

import org.jspecify.annotations.NullMarked;
