/** A real etcd for tests and labs: started, stopped, killed and frozen at will. */
@NullMarked
package io.pilus.testing.etcd;

import org.jspecify.annotations.NullMarked;
