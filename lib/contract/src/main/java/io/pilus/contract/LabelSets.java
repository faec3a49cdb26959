package io.pilus.contract;

import io.pilus.contract.v1.LabelSet;
import io.pilus.contract.v1.NamedPort;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The canonical encoding of a label set, and its hash: two equal sets have equal bytes in every version of Pilus. */
public final class LabelSets {

    private static final int ENCODING = 1;
    private static final Comparator<NamedPort> BY_NAME = Comparator.comparing(NamedPort::getName)
            .thenComparingInt(NamedPort::getProtocolValue)
            .thenComparingInt(NamedPort::getPort);

    private LabelSets() {}

    /**
     * A version byte, then namespace, service account, labels and named ports, sorted, each string behind its length in
     * bytes (32 bits, big endian).
     */
    public static byte[] canonical(LabelSet set) {
        var bytes = new ByteArrayOutputStream();
        try (var out = new DataOutputStream(bytes)) {
            out.writeByte(ENCODING);
            write(out, set.getNamespace());
            write(out, set.getServiceAccount());
            out.writeInt(set.getLabelsCount());
            for (Map.Entry<String, String> label : new TreeMap<>(set.getLabelsMap()).entrySet()) {
                write(out, label.getKey());
                write(out, label.getValue());
            }
            List<NamedPort> ports =
                    set.getPortsList().stream().distinct().sorted(BY_NAME).toList();
            out.writeInt(ports.size());
            for (NamedPort port : ports) {
                write(out, port.getName());
                out.writeInt(port.getProtocolValue());
                out.writeInt(port.getPort());
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    /** SHA-256 of the canonical encoding, in hexadecimal. */
    public static String hash(LabelSet set) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(canonical(set)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    private static void write(DataOutputStream out, String text) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        out.writeInt(bytes.length);
        out.write(bytes);
    }
}
