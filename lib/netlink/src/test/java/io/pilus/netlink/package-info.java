/** Tests of rtnetlink on a real kernel, in namespaces that end with the test. */
@NullMarked
package io.pilus.netlink;

import org.jspecify.annotations.NullMarked;
