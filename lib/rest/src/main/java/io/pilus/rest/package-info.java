/** What every REST interface of Pilus shares: problem documents (RFC 9457), pages, entity tags and names. */
@NullMarked
package io.pilus.rest;

import org.jspecify.annotations.NullMarked;
