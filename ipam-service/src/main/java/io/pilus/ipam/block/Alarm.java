package io.pilus.ipam.block;

import java.time.Instant;

/**
 * Something that does not mend itself.
 *
 * @param subject what it is about: {@code pool default IPv4}
 * @param reason a slug, listed in docs/reference/alarms.md
 * @param message what, where and how to mend it
 */
public record Alarm(String subject, String reason, String message, Instant since) {}
