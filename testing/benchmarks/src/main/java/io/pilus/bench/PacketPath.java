package io.pilus.bench;

import java.nio.file.Path;

/**
 * A way from one network namespace to another.
 *
 * @param name what is on the way, as the results call it
 * @param ipv4 the server's address
 * @param ipv6 the server's address
 */
record PacketPath(String name, Path client, Path server, String ipv4, String ipv6) {}
