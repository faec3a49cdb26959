/** Reads, transactions and leadership on etcd, in Pilus' terms: typed keys, protobuf values. */
@NullMarked
package io.pilus.etcd;

import org.jspecify.annotations.NullMarked;
