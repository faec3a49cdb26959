package io.pilus.node.testing;

import io.pilus.netlink.Netlink;
import io.pilus.netlink.NetworkNamespace;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;

/** A workload's network namespace, empty at first. */
public final class TestPod implements AutoCloseable {

    private final NetworkNamespace namespace = NetworkNamespace.create();

    public NetworkNamespace namespace() {
        return namespace;
    }

    /** The path by which it may be attached, as long as it is open. */
    public String path() {
        return namespace.path().toString();
    }

    public boolean hasInterface(String name) {
        try (Netlink netlink = namespace.netlink()) {
            return netlink.link(name).isPresent();
        }
    }

    public void deleteInterface(String name) {
        try (Netlink netlink = namespace.netlink()) {
            netlink.deleteLink(netlink.link(name).orElseThrow().index());
        }
    }

    /** Whether a datagram from one namespace to an address in another arrives, and what it answers comes back. */
    public static boolean reaches(NetworkNamespace from, NetworkNamespace to, InetAddress address) {
        try (DatagramSocket server = to.call(() -> new DatagramSocket(new InetSocketAddress(address, 0)));
                DatagramSocket client = from.call(DatagramSocket::new)) {
            server.setSoTimeout(1000);
            client.setSoTimeout(1000);
            client.send(new DatagramPacket(new byte[] {1}, 1, server.getLocalSocketAddress()));
            var asked = new DatagramPacket(new byte[1], 1);
            server.receive(asked);
            byte[] reply = asked.getAddress().getHostAddress().getBytes(StandardCharsets.UTF_8);
            server.send(new DatagramPacket(reply, reply.length, asked.getSocketAddress()));
            client.receive(new DatagramPacket(new byte[100], 100));
            return true;
        } catch (SocketTimeoutException e) {
            return false;
        } catch (IOException e) {
            throw new IllegalStateException("from " + from + " to " + address, e);
        }
    }

    @Override
    public void close() {
        namespace.close();
    }
}
