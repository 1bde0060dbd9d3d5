//! scratch
fn main() -> anyhow::Result<()> {
    let lab = cofferdam_tests::lab::Lab::new()?;
    let d = lab.daemon(&[])?;
    lab.engine.docker(&[
        "run",
        "-d",
        "--name",
        "nginx",
        "-l",
        "app=nginx",
        "--net=host",
        "nginx",
    ])?;
    std::thread::sleep(std::time::Duration::from_secs(1));
    for url in [
        "http://127.0.0.1",
        "http://172.17.0.1",
        "http://[fd00:b::1]",
        "http://[::1]",
        "http://172.17.0.1",
    ] {
        let o = lab.run(
            &["--label", "app=nginx"],
            &[
                "curl",
                "-s",
                "-m",
                "3",
                "-o",
                "/dev/null",
                "-w",
                "%{http_code} %{time_total} %{errormsg}",
                url,
            ],
        )?;
        println!("{url} {:?}", o);
        println!("{}", lab.cofferdam(&["flows"])?.ok()?);
    }
    println!(
        "{}",
        String::from_utf8_lossy(
            &std::process::Command::new("nsenter")
                .arg(format!("--net=/proc/{}/ns/net", d.pid()))
                .args(["sh", "-c", "ip a; ss -ltnp; iptables-save; ip6tables-save"])
                .output()?
                .stdout
        )
    );
    println!("{}", lab.cofferdam(&["ps", "-o", "wide"])?.ok()?);
    println!("{}", d.log());
    Ok(())
}
