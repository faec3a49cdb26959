package io.pilus.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pilus.contract.Keys;
import io.pilus.contract.v1.Epoch;
import io.pilus.lab.StoreBackup.Member;
import io.pilus.lab.StoreBackup.Restored;
import io.pilus.lab.StoreBackup.Summary;
import io.pilus.testing.etcd.EtcdBinary;
import io.pilus.testing.etcd.EtcdProcess;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StoreBackupIT {

    private static final long BUMP = 1_000_000;

    @TempDir
    Path directory;

    private EtcdProcess etcd;

    @BeforeEach
    void start() {
        etcd = EtcdProcess.start(EtcdProcess.Options.DEFAULT.withDirectory(directory.resolve("etcd")));
    }

    @AfterEach
    void stop() {
        etcd.close();
    }

    @Test
    void whatIsPutBackIsTheBackupWithARaisedRevisionAndACount() throws Exception {
        epoch(0);
        put("/pilus/v1/a", "1");
        Summary saved = StoreBackup.save(etcd.endpoint(), file());
        put("/pilus/v1/a", "2");
        long seen = etcd.revision();
        etcd.stop();

        Restored restored = StoreBackup.replace(file(), member(), BUMP);
        etcd.restart();

        assertThat(saved).extracting(Summary::clusterId, Summary::restores).containsExactly("7c1f", 0L);
        assertThat(get("/pilus/v1/a")).isEqualTo("1");
        assertThat(epoch().getRestores()).isEqualTo(1).isEqualTo(restored.restores());
        assertThat(etcd.revision()).isGreaterThan(seen + BUMP / 2).isEqualTo(restored.revision());
        Path aside = restored.aside().orElseThrow();
        assertThat(aside.resolve("member/snap/db")).exists();
        assertThat(directory.resolve("etcd")).isDirectoryNotContaining("glob:**restoring**");
    }

    @Test
    void anOldBackupNeverGetsACountThatWasInForceBefore() throws Exception {
        epoch(0);
        StoreBackup.save(etcd.endpoint(), file());
        epoch(7);
        etcd.stop();

        assertThat(StoreBackup.replace(file(), member(), BUMP).restores()).isEqualTo(8);
    }

    @Test
    void aRunningEtcdIsLeftAlone() throws Exception {
        epoch(0);
        StoreBackup.save(etcd.endpoint(), file());
        put("/pilus/v1/a", "1");

        assertThatThrownBy(() -> StoreBackup.replace(file(), member(), BUMP))
                .isInstanceOf(LabException.class)
                .hasMessageContaining("still runs")
                .hasMessageContaining("stop it first");

        assertThat(get("/pilus/v1/a")).isEqualTo("1");
    }

    @Test
    void whatIsNoBackupIsSaidToBeNone() throws Exception {
        Path text = Files.writeString(directory.resolve("text"), "hello");
        assertThatThrownBy(() -> StoreBackup.save(etcd.endpoint(), file()))
                .hasMessageContaining("has no key /pilus/v1/epoch");
        assertThat(file()).doesNotExist();
        run("snapshot", "save", file().toString(), "--endpoints=" + etcd.endpoint());
        etcd.stop();

        assertThatThrownBy(() -> StoreBackup.replace(directory.resolve("nothing"), member(), BUMP))
                .hasMessageContaining("there is no file");
        assertThatThrownBy(() -> StoreBackup.replace(text, member(), BUMP))
                .hasMessageContaining("is not a snapshot of etcd");
        assertThatThrownBy(() -> StoreBackup.replace(file(), member(), BUMP))
                .hasMessageContaining("not a backup of a store of Pilus");
        assertThat(etcd.dataDirectory(0).resolve("member/snap/db")).exists();
    }

    @Test
    void aDamagedBackupIsNotPutBack() throws Exception {
        epoch(0);
        StoreBackup.save(etcd.endpoint(), file());
        etcd.stop();
        byte[] bytes = Files.readAllBytes(file());
        bytes[bytes.length / 2] ^= 1;
        Files.write(file(), bytes);

        assertThatThrownBy(() -> StoreBackup.replace(file(), member(), BUMP)).isInstanceOf(LabException.class);

        assertThat(etcd.dataDirectory(0).resolve("member/snap/db")).exists();
    }

    @Test
    void aBackupNeverReplacesAFile() throws Exception {
        epoch(0);
        Files.writeString(file(), "mine");

        assertThatThrownBy(() -> StoreBackup.save(etcd.endpoint(), file())).hasMessageContaining("exists already");

        assertThat(file()).hasContent("mine");
    }

    private Path file() {
        return directory.resolve("backup");
    }

    private Member member() {
        return Member.alone(etcd.dataDirectory(0), "m0", "http://127.0.0.1:2380");
    }

    private void epoch(long restores) throws Exception {
        put(
                Keys.EPOCH.path(),
                Epoch.newBuilder()
                        .setClusterId("7c1f")
                        .setRestores(restores)
                        .build()
                        .toByteArray());
    }

    private Epoch epoch() throws Exception {
        return Epoch.parseFrom(read(Keys.EPOCH.path()));
    }

    private void put(String key, String value) throws Exception {
        put(key, value.getBytes(StandardCharsets.UTF_8));
    }

    private void put(String key, byte[] value) throws Exception {
        Path input = Files.write(directory.resolve("value"), value);
        Process process = new ProcessBuilder(
                        EtcdBinary.tool("etcdctl").toString(), "--endpoints=" + etcd.endpoint(), "put", key)
                .redirectInput(input.toFile())
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).isZero();
    }

    private String get(String key) throws Exception {
        return new String(read(key), StandardCharsets.UTF_8);
    }

    /** The tool ends what it prints with a line break. */
    private byte[] read(String key) throws Exception {
        byte[] printed = run("get", key, "--print-value-only", "--endpoints=" + etcd.endpoint());
        return Arrays.copyOf(printed, printed.length - 1);
    }

    private static byte[] run(String... arguments) throws IOException, InterruptedException {
        var command = new ArrayList<>(List.of(EtcdBinary.tool("etcdctl").toString()));
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        byte[] printed = process.getInputStream().readAllBytes();
        assertThat(process.waitFor()).isZero();
        return printed;
    }
}
