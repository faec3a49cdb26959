package io.pilus.contract;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/**
 * The link address of a node's tunnel device. Each node computes every other's: a sender must know it, and two nodes
 * with the same one cannot speak (a frame from the receiver's own address is silently ignored).
 */
public final class TunnelMacs {

    private TunnelMacs() {}

    /** Six bytes: 02 (local, unicast), then the first five of the name's SHA-256. */
    public static byte[] of(String node) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(node.getBytes(UTF_8));
            byte[] mac = new byte[6];
            mac[0] = 2;
            System.arraycopy(hash, 0, mac, 1, 5);
            return mac;
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}
