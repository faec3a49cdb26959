/** The {@code pilus-etcd} connector: prefixes of etcd as Reactive Messaging channels, whole revisions in, transactions out. */
@NullMarked
package io.pilus.messaging.etcd;

import org.jspecify.annotations.NullMarked;
