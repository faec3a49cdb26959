/** Everything that crosses a process border: the messages and the etcd key schema. */
@NullMarked
package io.pilus.contract;

import org.jspecify.annotations.NullMarked;
