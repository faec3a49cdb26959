/** Tests of identity-service against a real etcd. */
@NullMarked
package io.pilus.identity;

import org.jspecify.annotations.NullMarked;
