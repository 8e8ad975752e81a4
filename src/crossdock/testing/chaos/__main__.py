from crossdock.testing.chaos.command import main

main()
