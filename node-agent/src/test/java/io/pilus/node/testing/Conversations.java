package io.pilus.node.testing;

import io.pilus.netlink.NetworkNamespace;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.atomic.AtomicInteger;

/** Conversations by UDP from one workload to another, question by question, until they are closed. */
public final class Conversations implements AutoCloseable {

    private static final int PATIENCE_MS = 5000;

    private final DatagramSocket server;
    private final List<DatagramSocket> clients = new ArrayList<>();
    private final Set<String> lost = new ConcurrentSkipListSet<>();
    private final AtomicInteger rounds = new AtomicInteger();
    private final Thread asking;
    private volatile boolean ended;

    public Conversations(NetworkNamespace from, NetworkNamespace to, InetAddress address, int count) {
        server = to.call(() -> new DatagramSocket(new InetSocketAddress(address, 7)));
        for (int i = 0; i < count; i++) {
            DatagramSocket client = from.call(DatagramSocket::new);
            clients.add(client);
            try {
                client.setSoTimeout(PATIENCE_MS);
            } catch (SocketException e) {
                throw new UncheckedIOException(e);
            }
        }
        Thread.ofPlatform().daemon().name("echo").start(this::answer);
        asking = Thread.ofPlatform().daemon().name("asking").start(this::ask);
    }

    /** How often each has had its answer. */
    public int rounds() {
        return rounds.get();
    }

    /** Questions that had no answer. */
    public Set<String> lost() {
        return Set.copyOf(lost);
    }

    /** The clients' ports. */
    public List<Integer> ports() {
        return clients.stream().map(DatagramSocket::getLocalPort).toList();
    }

    private void answer() {
        try {
            var question = new DatagramPacket(new byte[Integer.BYTES], Integer.BYTES);
            while (true) {
                server.receive(question);
                server.send(question);
            }
        } catch (IOException e) {
            if (!server.isClosed()) {
                throw new UncheckedIOException(e);
            }
        }
    }

    private void ask() {
        try {
            for (int round = 0; !ended; round++) {
                byte[] question =
                        ByteBuffer.allocate(Integer.BYTES).putInt(round).array();
                for (DatagramSocket client : clients) {
                    client.send(new DatagramPacket(question, question.length, server.getLocalSocketAddress()));
                }
                for (DatagramSocket client : clients) {
                    await(client, round);
                }
                rounds.incrementAndGet();
            }
        } catch (IOException e) {
            if (!ended) {
                lost.add(e.toString());
            }
        }
    }

    private void await(DatagramSocket client, int round) throws IOException {
        var answer = new DatagramPacket(new byte[Integer.BYTES], Integer.BYTES);
        try {
            do {
                client.receive(answer);
            } while (ByteBuffer.wrap(answer.getData()).getInt() != round);
        } catch (SocketTimeoutException e) {
            lost.add("round " + round + " from port " + client.getLocalPort());
        }
    }

    /** Asks nothing any more. */
    public void end() {
        ended = true;
        try {
            asking.join(2L * PATIENCE_MS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() {
        end();
        server.close();
        clients.forEach(DatagramSocket::close);
    }
}
